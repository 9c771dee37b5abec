"""Reconciling: what database, dialogs and media legs hold is compared, and set right if it differs.

`picture` is what each of them holds at one moment, `rules` say what disagrees in it (both pure), `looking`
takes the picture, `repairs` set one disagreement right, and `reconciler` does it all, again and again.
`leases` has the promise for each state: until when it may last, and what is expected to end it.
"""
