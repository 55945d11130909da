"""Around every page: page settings and navigation, nothing else. `app.py` serves it."""

import streamlit as st

from pages.parts import state
from pages.parts.entrance import navigation, start_what_it_needs
from pages.parts.style import house_style

st.set_page_config(page_title="MNIST lab", page_icon="pages/parts/favicon.png", layout="wide")
page = navigation()
state.begin()
house_style()
start_what_it_needs(page)
page.run()
