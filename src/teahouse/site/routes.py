"""The site map: every path, who may use it, and the function that answers, in the order of matching."""

from __future__ import annotations

from teahouse.site import (
    account,
    api,
    beside,
    cards,
    docs,
    drawn,
    embed,
    health,
    install,
    keep,
    maker_texts,
    media,
    mine,
    owner_api,
    owner_pages,
    pass_pages,
    pool,
    reports,
    share,
    shiplog,
    teach,
    telling,
    till,
)
from teahouse.site.route import Route

WORD = "Say if it was right, or what is right."
PREDICTION = "/api/predictions/{id}"

VISITOR: list[Route] = [
    Route("GET", "/", "anyone", drawn.home, "home"),
    Route("GET", "/mine", "visitor", mine.page, "mine"),
    Route("GET", "/mine/{token}", "anyone", mine.page_by_link, "mine-link"),
    Route("GET", "/shared/{token}", "anyone", share.page, "shared"),
    Route("GET", "/shared/{token}/card.png", "anyone", share.card, "shared-card"),
    Route("GET", "/media/{token}", "anyone", media.show, "media"),
    Route("GET", "/pass", "anyone", pass_pages.page, "pass"),
    Route("GET", "/pay/{order}", "anyone", pass_pages.pay, "pay"),
    Route("GET", "/terms", "anyone", maker_texts.page, "terms"),
    Route("GET", "/refunds", "anyone", maker_texts.page, "refunds"),
    Route("GET", "/tax", "anyone", maker_texts.page, "tax"),
    Route("GET", "/log", "anyone", shiplog.page, "log"),
    Route("GET", "/docs", "anyone", docs.page, "docs"),
    Route("GET", "/openapi.json", "anyone", docs.openapi, "openapi"),
    Route("GET", "/static/{version}/{path:path}", "anyone", media.static, "static"),
    Route("GET", "/embed.js", "anyone", embed.script, "embed-script", any_origin=True),
    Route("GET", "/manifest.webmanifest", "anyone", install.manifest, "manifest"),
    Route("GET", "/sw.js", "anyone", install.worker, "worker"),
    Route("GET", "/offline", "anyone", install.offline, "offline"),
    Route("GET", "/healthz", "anyone", health.alive, "healthz"),
    Route("GET", "/readyz", "anyone", health.ready, "readyz"),
    Route("GET", "/metrics", "loopback", health.metrics, "metrics"),
]

API: list[Route] = [
    Route("POST", "/api/apps/{app}/predictions", "anyone", beside.create, "predict", 201, plain=True, any_origin=True),
    Route("GET", "/api/apps", "anyone", api.apps, "apps", summary="The apps of this site."),
    Route("GET", "/api/apps/{app}", "anyone", api.app, "app", summary="One app, its fields and how often it is right."),
    Route("GET", "/api/apps/{app}/pool", "anyone", pool.listing, "pool", summary="The next pictures that it made."),
    Route("GET", "/api/apps/{app}/teach", "anyone", teach.listing, "teach", summary="Pictures to teach it with."),
    Route("POST", "/api/apps/{app}/teach", "anyone", teach.answer, "taught", 201, summary="What these pictures show."),
    Route("GET", "/api/apps/{app}/teach/{item}", "anyone", teach.photo, "teach-photo", plain=True),
    Route("GET", PREDICTION, "visitor", api.prediction, "prediction", summary="One prediction."),
    Route("DELETE", PREDICTION, "visitor", api.forget, "forget", 204, summary="Forget one prediction."),
    Route("POST", f"{PREDICTION}/feedback", "visitor", api.feedback, "feedback", 201, any_origin=True, summary=WORD),
    Route("PUT", f"{PREDICTION}/input", "visitor", keep.put_input, "keep-input", 201, plain=True),
    Route("POST", f"{PREDICTION}/share", "visitor", share.create, "share", 201, plain=True),
    Route("DELETE", f"{PREDICTION}/share", "visitor", share.take_back, "unshare", 204, summary="Take a share back."),
    Route("POST", "/api/reports", "anyone", reports.create, "report", 202, summary="Report what should not be shown."),
    Route("GET", "/api/mine", "visitor", mine.listing, "mine-api", summary="What this site holds of the visitor."),
    Route("DELETE", "/api/mine", "visitor", mine.forget, "forget-me", 204, summary="Forget me."),
    Route("DELETE", "/api/mine/consent", "visitor", mine.end_consent, "end-consent", 204, summary="End the yes."),
    Route("GET", "/api/mine/export", "visitor", mine.export, "export", plain=True),
    Route("POST", "/api/checkouts", "visitor", account.checkout, "checkout", 201, summary="Buy answers of an app."),
    Route("GET", "/api/passes", "visitor", account.listing, "passes", summary="The passes that this browser holds."),
    Route("POST", "/api/passes", "visitor", account.restore, "restore-pass", summary="Hold the pass of a code."),
    Route("DELETE", "/api/passes/{app}", "visitor", account.leave, "leave-pass", 204, summary="Hold it no longer."),
    Route("POST", "/api/play-money/{order}", "anyone", till.play, "play-money", summary="Pay with play money, or not."),
    Route("POST", "/api/till/{provider}", "anyone", till.webhook, "till", 204, plain=True, any_origin=True),
]

# An app's page comes last: its path would match every other one of a single word.
ROUTES: list[Route] = [
    *VISITOR,
    *API,
    *owner_api.ROUTES,
    *owner_pages.ROUTES,
    Route("GET", "/{app}/seeds/{seed}", "anyone", drawn.seed_page, "seed"),
    Route("GET", "/{app}/seeds/{seed}/card.png", "anyone", cards.seed_card, "seed-card"),
    Route("GET", "/{app}/card.png", "anyone", cards.app_card, "app-card"),
    Route("GET", "/{app}/card", "anyone", telling.page, "model-card"),
    Route("GET", "/{app}/embed", "anyone", embed.page, "embed"),
    Route("GET", "/{app}/teach", "anyone", teach.page, "teach-page"),
    Route("GET", "/{app}", "anyone", drawn.app_page, "play"),
]
