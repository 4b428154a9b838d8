# How are chart, image, compose file and pipeline judged? Included by the Makefile.
.PHONY: check-chart chart-readme image-size

# Installs its own tools, then asks every question about what is deployed.
check-chart: .venv-chart/recipe
	.venv-chart/bin/python -m pytest -c tests/charts/pytest.ini tests/charts

.venv-chart/recipe: tests/charts/requirements.txt tests/charts/toolbox.py
	python3 tests/charts/toolbox.py
	@touch $@

# Writes the table of values into the chart's README.
chart-readme: .venv-chart/recipe
	.venv-chart/bin/python tests/charts/values_table.py

# How large will the images be? Installs every component; needs the package index and a few minutes.
image-size: .venv-chart/recipe
	.venv-chart/bin/python tests/charts/image_size.py
