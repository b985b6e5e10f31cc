"""The sections of docs/seed-tables.md: ``meng``, ``corrected`` and ``lee``; ``tables`` is what they share."""
