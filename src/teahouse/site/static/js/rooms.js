// On a phone the rooms of the owner lie in a row wider than the screen: the one that is open comes into view.

const rooms = document.querySelector(".rooms");
const here = rooms.querySelector("[aria-current]");

function centre() {
  const [row, open] = [rooms, here].map((node) => node.getBoundingClientRect());
  rooms.scrollLeft += open.left + open.width / 2 - row.left - row.width / 2;
}

if (here) {
  centre();
  addEventListener("resize", centre);
}
