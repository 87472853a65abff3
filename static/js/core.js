// The page's helpers. Everything here improves pages that already work without scripts.
import "./alarms.js";
import "./clocks.js";
import "./dialogs.js";
import "./drafts.js";
import "./forms.js";
import "./keys.js";
import "./lightbox.js";
import "./lists.js";
import "./lookup.js";
import "./menus.js";
import "./refresh.js";
import "./toasts.js";
import "./uploader.js";
