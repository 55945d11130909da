"""Around every page: page settings and navigation, nothing else. `app.py` serves it."""

from pages.parts import state
from pages.parts.entrance import begin_page, navigation, start_what_it_needs
from pages.parts.style import house_style

page = navigation()
begin_page(page)
state.begin()
house_style()
start_what_it_needs(page)
page.run()
