"""Figures: functions of tidy frames that return a Plotly figure, one file for related ones."""
