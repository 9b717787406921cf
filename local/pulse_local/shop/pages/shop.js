// The shop itself: a list of teas, a cart in the browser's session, and the calls to the tracker that a real shop would make.
const TEAS = [
  { id: "1", name: "Assam", about: "Strong and malty.", category: "black", price: 9.5 },
  { id: "2", name: "Sencha", about: "Grassy and fresh.", category: "green", price: 14 },
  { id: "3", name: "Silver Needle", about: "Buds alone, picked in spring.", category: "white", price: 24.9 },
  { id: "4", name: "Chamomile", about: "No tea at all, and good before sleep.", category: "herbs", price: 6.2 },
];
const $ = (id) => document.getElementById(id);
const money = (sum) => `€ ${sum.toFixed(2)}`;
const cart = {
  get ids() { try { return JSON.parse(sessionStorage.cart || "[]"); } catch { return []; } },
  set ids(ids) { try { sessionStorage.cart = JSON.stringify(ids); } catch { location.hash = ids.join(); } },
};
const lines = () => cart.ids.map((id) => TEAS.find((tea) => tea.id === id)).filter(Boolean);
const total = () => lines().reduce((sum, tea) => sum + tea.price, 0);
const said = (tea) => ({ product_id: tea.id, category: tea.category, price: tea.price });

$("count").textContent = cart.ids.length;
const pages = {
  "index.html"() {
    $("products").innerHTML = TEAS.map((tea) =>
      `<li><a href="product.html?id=${tea.id}"><strong>${tea.name}</strong><br>${money(tea.price)}</a></li>`).join("");
  },
  "product.html"() {
    const tea = TEAS.find((one) => one.id === new URLSearchParams(location.search).get("id")) || TEAS[0];
    $("name").textContent = document.title = tea.name;
    $("about").textContent = tea.about;
    $("price").textContent = money(tea.price);
    pulse.track("product_view", said(tea));
    $("add").onclick = () => {
      cart.ids = [...cart.ids, tea.id];
      pulse.track("add_to_cart", said(tea));
      location.href = "cart.html";
    };
  },
  "cart.html"() {
    $("lines").innerHTML = lines().map((tea) => `<li>${tea.name}, ${money(tea.price)}</li>`).join("") || "<li>Nothing yet.</li>";
    $("total").textContent = money(total());
    $("go").hidden = !cart.ids.length;
  },
  "checkout.html"() {
    $("total").textContent = money(total());
    pulse.track("checkout", { price: total(), items: cart.ids.length });
    $("form").onsubmit = (event) => {
      event.preventDefault();
      pulse.track("payment", { price: total(), items: cart.ids.length });
      cart.ids = [];
      location.href = "thanks.html";
    };
  },
};
pages[location.pathname.split("/").pop() || "index.html"]?.();

const consent = $("consent");
const denied = () => { try { return localStorage["pulse.consent"] === "denied"; } catch { return false; } };
const label = () => { consent.textContent = denied() ? "Allow counting" : "Do not count me"; };
consent.onclick = () => { denied() ? pulse.optIn() : pulse.optOut(); setTimeout(label, 50); };
label();
