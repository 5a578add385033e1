"""llms.txt: the titles and addresses of all pages, for programs that read the site."""

from typing import Any

from docutils import nodes
from sphinx import addnodes


def write(app: Any, error: Exception | None) -> None:
    """Write llms.txt next to the pages."""
    if error or app.builder.name != "html":
        return
    env, config = app.env, app.config
    lines = [f"# {config.project}", "", f"> {summary(env)}"]
    for toctree in env.get_doctree(config.root_doc).findall(addnodes.toctree):
        lines += ["", f"## {toctree['caption']}", ""]
        for _, page in toctree["entries"]:
            for each in (page, *env.toctree_includes.get(page, ())):
                title, address = env.titles[each].astext(), app.builder.get_target_uri(each)
                lines.append(f"- [{title}]({address})")
    (app.outdir / "llms.txt").write_text("\n".join([*lines, ""]), encoding="utf-8")


def summary(env: Any) -> str:
    """Return the first paragraph of the index in one line."""
    paragraph = next(env.get_doctree(env.config.root_doc).findall(nodes.paragraph))
    return " ".join(str(paragraph.astext()).split())
