"""The lab's entrance: `streamlit run app.py`. Page settings and navigation, nothing else."""

import streamlit as st

from pages.parts import state
from pages.parts.style import house_style

st.set_page_config(page_title="MNIST lab", page_icon="pages/parts/favicon.png", layout="wide")
page = st.navigation(
    [
        st.Page("pages/design.py", title="Design", icon=":material/schema:", default=True),
        st.Page("pages/train.py", title="Train", icon=":material/model_training:"),
        st.Page("pages/draw.py", title="Draw", icon=":material/draw:"),
    ],
    position="top",
)
house_style()
state.begin()
page.run()
