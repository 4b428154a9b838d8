#!/bin/sh
# What of the installed packages does no program of the fleet ever read? Takes the virtual environment as its argument.
# A test starts every component without what is removed here; what a command misses it names.
set -eu
packages="$(echo "$1"/lib/python3.*/site-packages)"
without() { for path in "$@"; do rm -rf "${packages:?}/$path"; done; }
# Of a package, only the entries that match one of the patterns.
only() {
    folder="$packages/$1"
    shift
    [ -d "$folder" ] || return 0
    for entry in "$folder"/*; do
        keep=
        for pattern in "$@"; do
            # shellcheck disable=SC2254 # a pattern is meant
            case "${entry##*/}" in $pattern) keep=yes ;; esac
        done
        [ -n "$keep" ] || rm -rf "$entry"
    done
}

# Tests of libraries, and pip itself: nothing is installed at run time.
find "$packages" -type d \( -name tests -o -name test \) -prune -exec rm -rf {} +
without pip setuptools pkg_resources
rm -rf "$packages"/pip-*.dist-info "$packages"/setuptools-*.dist-info "$1"/bin/pip*
# The asynchronous twin of the Kubernetes client.
without kubernetes/aio
# Of SciPy its special functions are read, Erlang's formulas and Student's quantiles; linear programs are HiGHS' own package.
only scipy '*.py' '*.so' _lib special
rm -f "$packages"/scipy/special/cython_special.* "$packages"/scipy/special/_test_internal.*
# Matplotlib asks fontTools for the names of glyphs, and draws screens and SVG in one typeface.
only fontTools '*.py' misc
without matplotlib/mpl-data/sample_data matplotlib/mpl-data/fonts/afm matplotlib/mpl-data/fonts/pdfcorefonts
without sqlalchemy/testing
# Of Pillow matplotlib writes PNG; formats of the web come with libraries of their own.
rm -f "$packages"/PIL/_avif.* "$packages"/PIL/_webp.*
for library in avif webp webpmux webpdemux sharpyuv; do rm -f "$packages"/pillow.libs/lib"$library"-*; done
# Scripts are simulated by the Lua that Redis has; nothing is shown with its syntax coloured.
only lupa '*.py' 'lua51*' 'luajit21*'
only pygments/lexers __init__.py _mapping.py
# What only a compiler reads, and what it left for a debugger. Libraries inside *.libs were moved by patchelf and stay as they are.
find "$packages" -type f \( -name '*.pyi' -o -name '*.pyx' -o -name '*.pxd' -o -name '*.h' -o -name '*.a' -o -name '*.map' \) -delete
if command -v strip > /dev/null; then
    find "$packages" -name '*.so' -type f ! -path '*.libs/*' -exec strip --strip-unneeded {} +
fi
# Bytecode is written to PYTHONPYCACHEPREFIX on first start, once per container.
find "$packages" -type d -name __pycache__ -prune -exec rm -rf {} +
