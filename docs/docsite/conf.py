# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How Sphinx makes a website of the guides and of the reference that antsibull-docs writes (``make docs``)."""

from __future__ import annotations

project = "canary.ecs"
copyright = "The canary.ecs authors"
html_title = "canary.ecs"
html_theme = "furo"
html_copy_source = False
html_static_path = ["static"]
html_css_files = ["site.css"]
extensions = ["myst_parser", "sphinx_antsibull_ext"]
# A block without a language is for a shell, as on GitHub; the examples of the reference name theirs.
highlight_language = "shell"
# Anchors as GitHub makes them of headings, so that a link holds in both places.
myst_heading_anchors = 4
# References to Ansible's own documentation, which is not built here; `antsibull-docs lint-collection-docs` checks ours.
suppress_warnings = ["ref.ref"]
