"""The lab's entrance: `streamlit run app.py`. The script of its pages, and the one route beside them."""

import streamlit as st

from pages.parts import pulse

app = st.App("lab.py", routes=[pulse.route()])
