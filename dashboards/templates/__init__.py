"""The page of a report: its HTML, its style and the script that draws the charts."""
