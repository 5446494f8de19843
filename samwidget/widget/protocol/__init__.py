"""The messages between browser and kernel: what one may hold, in both directions.

``requests`` and ``replies`` have a class for each kind, ``fields`` the types of their fields. ``python -m
docs.make_messages`` makes ``tests/shared/messages.schema.json`` and ``frontend/src/messages.ts`` from them.
"""
