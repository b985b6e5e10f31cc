"""The report of a grid that needs no votes: contact sheet, losses over the steps, against each parameter, and tables.

Plain dataclasses in (:mod:`data`), sentences, tables and figures out; no torch, no Django. ``generation.report``
gathers the data from rows.
"""
