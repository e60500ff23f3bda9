# Stage 5: figures. Makes figures/{name}.png, .pdf and .csv from tables (figure 1: from views).


def figure_tables(wildcards):
    """The estimates that a figure reads, by their role in it."""
    return {
        role: RESULTS + f"/estimates/{estimator}/{representation}/{CONFIG.paper.scheme}.parquet"
        for role, (estimator, representation) in CHECKED.tables(wildcards.figure).items()
    }


def figure_views(wildcards):
    """The views that a figure shows; most show none."""
    if not getattr(CHECKED.figures()[wildcards.figure], "READS_VIEWS", False):
        return []
    scheme = CONFIG.paper.scheme
    return [RESULTS + f"/views/{scheme}/{level}.parquet" for level in CHECKED.levels(scheme)]


def figure_options(wildcards, input):
    """The same files as command-line options."""
    tables = figure_tables(wildcards).items()
    options = [f"--table {shlex.quote(f'{role}={path}')}" for role, path in tables]
    return " ".join(options + [f"--view {shlex.quote(path)}" for path in figure_views(wildcards)])


def figure_module(wildcards):
    """The module that draws a figure."""
    return CHECKED.figures()[wildcards.figure].__name__


rule figure:
    """Draw one figure."""
    input:
        unpack(figure_tables),
        views=figure_views,
    output:
        multiext(RESULTS + "/figures/{figure}", ".png", ".pdf", ".csv"),
    log:
        RESULTS + "/logs/figures/{figure}.log",
    benchmark:
        RESULTS + "/benchmarks/figures/{figure}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    params:
        stem=lambda wildcards: RESULTS + f"/figures/{wildcards.figure}",
        module=lambda wildcards: figure_module(wildcards).rpartition(".")[2],
        options=figure_options,
        code=lambda wildcards: code("figure", figure_module(wildcards)),
    shell:
        "python -m leakage --threads {threads} figure {params.module} {params.stem:q}"
        " {params.options} 2>&1 | tee {log:q}"
