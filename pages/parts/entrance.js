// A page's name as its heading, and a phone's drawer that closes behind what one has chosen in it.

const CHOICES = '[data-testid="stSidebarNavLink"], .st-key-runs button';

const closeBehind = ({ target }) => {
  const drawer = target.closest?.('[data-testid="stSidebar"]');
  if (!drawer || !target.closest(CHOICES) || !matchMedia("(max-width: 640px)").matches) return;
  drawer.querySelector('[data-testid="stSidebarCollapseButton"] button')?.click();
};

// Once for all pages: the drawer is Streamlit's, and stays when they change.
if (!window.mnistLabDrawer) {
  window.mnistLabDrawer = true;
  document.addEventListener("click", closeBehind);
}

export default function ({ parentElement, data }) {
  parentElement.querySelector(".lab-entrance").textContent = data.page;
}
