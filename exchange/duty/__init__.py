"""Who answers for what: duties and their routing, chiefs and patrols, plans, directives, and the score over them.

Pure functions over the rows of the contracts of those names.
"""
