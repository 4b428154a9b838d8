"""The `fleet` command: one file per noun, loaded only when its noun is used. May not live here: anything but asking,
calling the layers below, and printing."""
