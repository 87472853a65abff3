"""Static files with their content's hash in the name, also where our own scripts import one another.

Without the second half a browser could pair a new ``core.js`` with an old, cached ``forms.js``. Only
``js/`` is rewritten: in minified scripts of others Django's pattern finds imports that are none.
"""

from django.contrib.staticfiles.storage import HashedFilesMixin
from whitenoise.storage import CompressedManifestStaticFilesStorage

IMPORTS = HashedFilesMixin._js_module_import_aggregation_patterns[1]  # type: ignore[attr-defined]


class ManifestStorage(CompressedManifestStaticFilesStorage):
    patterns = (*CompressedManifestStaticFilesStorage.patterns, ("js/*.js", IMPORTS))
