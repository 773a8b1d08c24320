# Copyright (c) The canary.ecs authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How Sphinx makes a website of the reference that antsibull-docs writes (``make docs``)."""

from __future__ import annotations

project = "canary.ecs"
html_title = "canary.ecs"
html_theme = "alabaster"
extensions = ["sphinx_antsibull_ext"]
highlight_language = "YAML+Jinja"
# References to Ansible's own documentation, which is not built here; `antsibull-docs lint-collection-docs` checks ours.
suppress_warnings = ["ref.ref"]
