#include "CAssets.h"

// C23's #embed, which clang has in every mode; the build does not see a file that appears later,
// which is why `make page` touches this one.
#pragma clang diagnostic ignored "-Wc23-extensions"

#if __has_embed("generated/index.html.gz")
static const uint8_t index_html[] = {
#embed "generated/index.html.gz"
};
static const uint8_t page_css[] = {
#embed "generated/page.css.gz"
};
static const uint8_t page_js[] = {
#embed "generated/page.js.gz"
};
static const uint8_t icon_svg[] = {
#embed "generated/icon.svg.gz"
};
static const uint8_t licenses_txt[] = {
#embed "generated/licenses.txt.gz"
};
#endif
#if __has_embed("generated/chart.js.gz")
static const uint8_t chart_js[] = {
#embed "generated/chart.js.gz"
};
#endif

static const struct cassets_file files[] = {
#if __has_embed("generated/index.html.gz")
    {"index.html", index_html, sizeof index_html}, {"page.css", page_css, sizeof page_css},
    {"page.js", page_js, sizeof page_js}, {"icon.svg", icon_svg, sizeof icon_svg},
    {"licenses.txt", licenses_txt, sizeof licenses_txt},
#endif
#if __has_embed("generated/chart.js.gz")
    {"chart.js", chart_js, sizeof chart_js},
#endif
    {NULL, NULL, 0},
};

const struct cassets_file *cassets_file(int place) {
    return files[place].name ? &files[place] : NULL;
}
