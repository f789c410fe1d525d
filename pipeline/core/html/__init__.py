"""What all HTML pages share: templates, style, charts.

rendering   fills the Jinja2 templates that each room keeps in its own folder `templates`
charts      curves as data, which charts.js draws
templates/  base.html (head and policy), page.html (heading and footer), macros.html, shared styles and script
"""
