# The screen of a terminal, as tmux captures it with its colours, as an SVG picture: from stdin to
# stdout. The text stays text, in a font of the reader's; nothing is fetched by who looks at it.
import io
import sys

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

title, columns, scheme = sys.argv[1], int(sys.argv[2]), sys.argv[3]

# background, text; black, red, green, yellow, blue, magenta, cyan, white; the same eight, bright
themes = {
    "dark": TerminalTheme(
        (22, 27, 34),
        (230, 237, 243),
        [(72, 79, 88), (255, 123, 114), (86, 211, 100), (227, 179, 65),
         (121, 192, 255), (210, 168, 255), (86, 212, 221), (230, 237, 243)],
        [(139, 148, 158), (255, 161, 152), (126, 231, 135), (242, 204, 96),
         (165, 214, 255), (226, 197, 255), (179, 240, 255), (255, 255, 255)],
    ),
    "light": TerminalTheme(
        (246, 248, 250),
        (31, 35, 40),
        [(36, 41, 47), (207, 34, 46), (17, 99, 41), (125, 78, 0),
         (5, 80, 174), (130, 80, 223), (27, 124, 131), (87, 96, 106)],
        [(87, 96, 106), (164, 14, 38), (26, 127, 55), (99, 60, 1),
         (9, 105, 218), (102, 57, 186), (49, 146, 170), (31, 35, 40)],
    ),
}

picture = """\
<svg viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg" role="img">
<title>TITLE</title>
<style>
.{unique_id}-matrix {{ font: {char_height}px/{line_height}px ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace }}
.{unique_id}-title {{ font: bold 18px sans-serif }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal"><rect width="{terminal_width}" height="{terminal_height}"/></clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">{matrix}</g>
</g>
</svg>
""".replace("TITLE", title)

console = Console(
    record=True, width=columns, file=io.StringIO(), force_terminal=True, color_system="truecolor"
)
console.print(Text.from_ansi(sys.stdin.read()), soft_wrap=True)
svg = console.export_svg(title=title, theme=themes[scheme], code_format=picture, unique_id="t")
# rich draws the edge of the window for a dark page
sys.stdout.write(svg.replace("rgba(255,255,255,0.35)", "rgba(127,127,127,0.5)"))
