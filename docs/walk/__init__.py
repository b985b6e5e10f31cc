"""The tutorials, walked through in a real browser: what they say is done here, and their pictures are taken here."""
