"""The pages of a study in the admin; each module registers its own."""

from studyplatform.voting.admin.pages import check as check
from studyplatform.voting.admin.pages import copy as copy
from studyplatform.voting.admin.pages import file as file
from studyplatform.voting.admin.pages import live as live
from studyplatform.voting.admin.pages import log as log
from studyplatform.voting.admin.pages import members as members
from studyplatform.voting.admin.pages import participant as participant
from studyplatform.voting.admin.pages import participants as participants
from studyplatform.voting.admin.pages import pilot as pilot
from studyplatform.voting.admin.pages import preregistration as preregistration
from studyplatform.voting.admin.pages import preview as preview
from studyplatform.voting.admin.pages import quotas as quotas
from studyplatform.voting.admin.pages import reconcile as reconcile
from studyplatform.voting.admin.pages import share as share
