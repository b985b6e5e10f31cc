"""A study as one file: written, read with every mistake named, imported; and those that come with the project."""

from studyplatform.voting.services.study_file.importing import Imported, study_import
from studyplatform.voting.services.study_file.reading import LONGEST
from studyplatform.voting.services.study_file.ready import Ready, ready_studies, ready_text
from studyplatform.voting.services.study_file.writing import study_file

__all__ = ["LONGEST", "Imported", "Ready", "ready_studies", "ready_text", "study_file", "study_import"]
