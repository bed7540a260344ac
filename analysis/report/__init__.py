"""The report of a study: figures, the HTML page, and its summary in sentences.

Read `page` first: it puts the parts together. `sections` fits the laws and the study of epochs,
`study_charts` draws all runs in one chart, `provenance` says how the page was made, `summary` has the
sentences at the top. `figures` has every chart; `templates` has the HTML, its styles and its script.
"""
