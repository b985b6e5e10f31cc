#!/usr/bin/env python
"""Eyeballot's command line."""

import os
import sys


def main() -> None:
    # The CSV files of a bundle are made and analysed anywhere, without what a server needs.
    bundled = sys.argv[1:2] == ["evaluate"] and any(word.split("=")[0] == "--bundle" for word in sys.argv)
    alone = bundled or sys.argv[1:2] == ["import_votes"]
    settings = "evaluation.management.offline" if alone else "studyplatform.config.settings"
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", settings)
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
