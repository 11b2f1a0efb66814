"""The teach round as a browser meets it: what is shown, what is kept, and what nobody is told."""

import io
import json
import re
import zipfile

import pytest

from teahouse import ids
from teahouse.settings import Loop, Settings
from teahouse.site import teach
from teahouse.store import labels, probes, tables
from teahouse.testing import APP, photo, whole_house

OWN = {"Origin": "http://127.0.0.1:8360", "Sec-Fetch-Site": "same-origin"}
ROUND = f"/api/apps/{APP}/teach"
WORDS = ("warm", "cold")


def bring(site, count=60):
    """The maker's training photos, `count` of each label, each of another size: what is shown looks alike."""

    def add(c):
        for n in range(count * 2):
            word = WORDS[n % 2]
            data = photo(word, 5000 + n, side=64 + n, form="PNG" if n % 3 else "JPEG")
            blob = site.house.blobs.put(data)
            row = {"at": 1, "app": APP, "source": "maker", "inputs": {"input": {"blob": blob}}}
            labels.add(c, {**row, "truth": {"label": word}, "split": "train", "near": n.to_bytes(8)})
        probes.fill(c, APP, 1)

    site.house.db.write(add)


@pytest.fixture
def site(tmp_path):
    settings = Settings(project=tmp_path, loop=Loop(review="auto"))
    with whole_house(tmp_path, settings) as site:
        bring(site)
        yield site


def guest(site, address="127.0.0.1"):
    client = site.visitor(address)
    client.headers.update(OWN)
    return client


def truths(site, client, items):
    """What the pictures show, as somebody sees it who looks: by their colour."""
    from PIL import Image

    found = []
    for item in items:
        told = client.get(item["photo"])
        assert told.status_code == 200 and told.headers["content-type"] == "image/webp"
        red, _, blue = Image.open(io.BytesIO(told.content)).resize((1, 1)).getpixel((0, 0))
        found.append("warm" if red > blue else "cold")
    return found


def play(site, client, right=True):
    """One round; what the house says after it."""
    items = client.get(ROUND).json()["items"]
    words = truths(site, client, items)
    said = words if right else ["cold" if word == "warm" else "warm" for word in words]
    given = [{"item": item["item"], "label": word} for item, word in zip(items, said, strict=True)]
    told = client.post(ROUND, json={"answers": given})
    assert told.status_code == 201, told.text
    return told.json()


def keep(client, seed, word):
    body = photo("neither", seed)  # of what it is sure of otherwise the owner would look first
    told = client.post(f"/api/apps/{APP}/predictions", content=body, headers={"Content-Type": "image/jpeg"}).json()
    client.post(f"/api/predictions/{told['id']}/feedback", json={"kind": "correct", "value": word})
    headers = {"X-Consent": "keep, train", "Content-Type": "image/jpeg"}
    assert client.put(f"/api/predictions/{told['id']}/input", content=body, headers=headers).status_code == 201
    return ids.parse(told["id"])


def decided(site, prediction):
    with site.house.db.read() as c:
        row = labels.of_prediction(c, prediction)
    return row.split, row.decision


def test_the_play_page_and_the_round_are_linked_and_say_what_it_is(site):
    page = site.client.get(f"/{APP}").text
    assert f'href="/{APP}/teach">Teach it: 5 quick ones' in page and "data-also" in page
    told = site.client.get(f"/{APP}/teach")
    assert told.status_code == 200 and "Warm or cold?" in told.text and "I can not tell" in told.text
    framed = site.client.get(f"/{APP}/embed").text
    assert f"/{APP}/teach" not in framed and "data-also" not in framed


def test_without_enough_pictures_there_is_no_round(tmp_path):
    with whole_house(tmp_path) as site:
        bring(site, 5)
        assert "Teach it" not in site.client.get(f"/{APP}").text
        told = site.client.get(f"/{APP}/teach", headers={"Accept": "text/html"})
        assert told.status_code == 404
        assert "A round takes 12 pictures whose answer is known, and it has fewer." in told.text
        assert "takes no labels" not in told.text
        assert site.client.get(ROUND).status_code == 404
        assert guest(site).post(ROUND, json={"answers": [{"item": "x", "label": "warm"}]}).status_code == 404


def test_a_round_names_nothing_that_tells_which_answers_are_known(site):
    one, two = site.client.get(ROUND).json(), site.client.get(ROUND).json()
    assert one["labels"] == ["warm", "cold"] and len(one["items"]) == 5
    assert set(one["items"][0]) == {"item", "photo"}
    lengths = {len(item["item"]) for told in (one, two) for item in told["items"]}
    assert len(lengths) == 1
    with site.house.db.read() as c:
        known = [ids.text(row.label) for row in probes.of_app(c, APP)]
    assert not any(id_ in str(one) or ids.parse(id_).hex() in str(one) for id_ in known)
    assert len({item["item"] for told in (one, two) for item in told["items"]}) == 10, "a name holds for one round"


def test_rounds_earn_that_a_word_counts_and_what_waited_is_weighed_again(site):
    client = guest(site)
    drawn = [keep(client, seed, "cold") for seed in range(6)]
    train = [one for one in drawn if decided(site, one)[0] == "train"]
    before = {decided(site, one)[1] for one in drawn}
    told = [play(site, client) for _ in range(4)]
    assert before == {None} and [one["taught"] for one in told] == [5, 10, 15, 20]
    assert [one["head"] for one in told[:3]] == ["Thank you."] * 3
    assert told[3]["head"] == "Thank you. You know your way here."
    counted = [decided(site, one)[1] for one in train]
    assert counted == ["accept"] * min(5, len(train)) + [None] * max(0, len(train) - 5)


def test_who_guesses_is_thanked_like_everybody_and_their_words_are_set_aside(site):
    client = guest(site)
    heads = [play(site, client, right=False)["head"] for _ in range(2)]
    assert heads == ["Thank you."] * 2
    rows = [keep(client, seed, "cold") for seed in range(8)]
    states = {decided(site, one) for one in rows}
    assert states <= {("train", "set_aside"), ("test", None)}


def test_each_picture_counts_once_and_a_round_never_repeats(site):
    client = guest(site)
    items = client.get(ROUND).json()["items"]
    given = {"answers": [{"item": item["item"], "label": "warm"} for item in items]}
    assert [client.post(ROUND, json=given).json()["taught"] for _ in range(3)] == [5, 5, 5]
    with site.house.db.read() as c:
        rows = c.execute(tables.taught.select()).all()
        standing = c.execute(tables.visitors.select()).one().standing[APP]
    assert len(rows) == 5 and standing["probes"] == sum(row.known for row in rows)


def test_sixty_a_day_are_enough_and_a_network_gives_only_so_many(site, monkeypatch):
    client = guest(site)
    for n in range(12):
        assert play(site, client)["taught"] == 5 * (n + 1)
    assert client.get(ROUND).json()["items"] == []
    with site.house.db.read() as c:
        (visitor,) = c.execute(tables.visitors.select()).all()
        seen = probes.answered(c, visitor.id)
        fresh = next(one.label for one in probes.of_app(c, APP) if one.label not in seen)
    item = teach.token_of(site.deps, APP, fresh)
    more = client.post(ROUND, json={"answers": [{"item": item, "label": "warm"}]})
    assert more.status_code == 429 and more.json()["error"]["do_next"] == "Come back tomorrow."
    day, now = 86_400_000, site.deps.clock()
    site.deps.clock = lambda: now + day + 1
    assert len(client.get(ROUND).json()["items"]) > 0
    site.deps.clock = lambda: now
    statuses = []
    for _ in range(50):
        other = guest(site)
        items = other.get(ROUND).json()["items"]
        given = [{"item": item["item"], "label": None} for item in items]
        statuses.append(other.post(ROUND, json={"answers": given}).status_code)
    assert statuses == [201] * 48 + [429] * 2
    far = guest(site, "203.0.113.9")
    assert play(site, far)["taught"] == 5, "another network is not touched"


def test_answers_that_make_no_sense_are_refused_in_words(site):
    client = guest(site)
    (item, *_) = client.get(ROUND).json()["items"]
    wrong = client.post(ROUND, json={"answers": [{"item": item["item"], "label": "wram"}]})
    assert wrong.status_code == 422 and "warm" in wrong.json()["error"]["do_next"]
    forged = client.post(ROUND, json={"answers": [{"item": item["item"][:-2] + "xx", "label": "warm"}]})
    assert forged.status_code == 404
    assert client.post(ROUND, json={"answers": []}).status_code == 422
    assert client.get(f"{ROUND}/{item['item'][:-2]}xx").status_code == 404
    strange = site.visitor().post(ROUND, json={"answers": []}, headers={"Origin": "https://evil.example"})
    assert strange.status_code == 403


def test_a_photo_is_offered_to_others_only_where_its_visitor_says_so_and_the_owner_saw_it(site):
    client = guest(site)
    body = photo("warm", 77)
    told = client.post(f"/api/apps/{APP}/predictions", content=body, headers={"Content-Type": "image/jpeg"}).json()
    headers = {"X-Consent": "keep, show, train", "Content-Type": "image/jpeg"}
    kept = client.put(f"/api/predictions/{told['id']}/input", content=body, headers=headers)
    assert kept.status_code == 201 and kept.json()["purposes"] == ["keep", "show", "train"]
    with site.house.db.read() as c:
        row = labels.of_prediction(c, ids.parse(told["id"]))
        assert row.id not in [one.label for one in probes.others(c, APP)]
    assert "Your photo is kept, and others may see it when they teach." in client.get("/mine").text
    keep(client, 78, "warm")
    assert client.get("/mine").text.count("others may see it") == 1, "the other one is the owner's alone"
    only = client.post(f"/api/apps/{APP}/predictions", content=body, headers={**headers, "X-Consent": "show"})
    assert only.status_code == 422, "no answer is kept and shown by that word alone"


def test_a_visitor_who_forgets_takes_what_they_taught_with_them(site):
    client = guest(site)
    play(site, client)
    assert client.delete("/api/mine").status_code == 204
    with site.house.db.read() as c:
        rows = c.execute(tables.taught.select()).all()
    assert len(rows) == 5 and all(row.visitor is None and row.said is None for row in rows)


def test_who_only_taught_sees_it_takes_it_along_and_takes_it_back(site):
    client = guest(site)
    assert "Nothing of yours is kept." in client.get("/mine").text
    play(site, client)
    page = client.get("/mine").text
    assert "Nothing of yours is kept." not in page
    assert "You said of 5 pictures what they show." in page and "DELETE /api/mine" in page
    assert client.get("/api/mine").json()["taught"] == 5
    with zipfile.ZipFile(io.BytesIO(client.get("/api/mine/export").content)) as archive:
        data = json.loads(archive.read("data.json"))
    assert [one["app"] for one in data["taught"]] == [APP] * 5
    assert {one["said"]["label"] for one in data["taught"]} <= set(WORDS)
    assert set(data["taught"][0]) == {"at", "app", "said"}, "nothing of which answers were known, or right"
    assert client.delete("/api/mine").status_code == 204
    assert "Nothing of yours is kept." in client.get("/mine").text


def test_a_round_whose_answer_was_lost_is_said_again_at_no_cost(site):
    client = guest(site)
    for _ in range(11):
        play(site, client)
    items = client.get(ROUND).json()["items"]
    given = {"answers": [{"item": item["item"], "label": "warm"} for item in items]}
    assert [client.post(ROUND, json=given).status_code for _ in range(2)] == [201, 201]


def test_the_page_asks_for_what_it_needs_and_no_more(site):
    page = site.client.get(f"/{APP}/teach").text
    assert re.findall(r'src="([^"]*teach\.js)"', page) and "<form" not in page
