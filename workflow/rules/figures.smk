# Stage 6: figures. Makes figures/{name}.png, .pdf and .csv from tables (figure 1: from views), and
# figures/{name}.json, what they were made of.


rule figure:
    """Draw one figure."""
    input:
        unpack(figure_tables),
        views=figure_views,
    output:
        png=report(
            RESULTS / "figures/{figure}.png",
            caption="../report/figure.rst",
            category=category,
            labels=labels,
        ),
        pdf=RESULTS / "figures/{figure}.pdf",
        csv=RESULTS / "figures/{figure}.csv",
        provenance=RESULTS / "figures/{figure}.json",
    log:
        RESULTS / "logs/figures/{figure}.log",
    benchmark:
        RESULTS / "benchmarks/figures/{figure}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        here=1,
        mem_mb=growing(1_000),
        runtime=growing(15),
    params:
        filled=filled_caption,
        stem=lambda wildcards: RESULTS / f"figures/{wildcards.figure}",
        name=lambda wildcards: figure_of(wildcards).reference,
        tables=lambda w: as_tables(figure_tables(w)),
        views=lambda w: options(("view", path) for path in figure_views(w)),
        code=lambda wildcards: code("figure", figure_of(wildcards)),
    shell:
        "python -m leakage --threads {threads} figure {params.name:q} {params.stem:q}"
        " {params.tables} {params.views} --code {params.code} 2>&1 | tee {log:q}"


rule scorecard:
    """The paper's claims and what became of them, as one table."""
    input:
        RESULTS / "figures/scorecard.csv",
    output:
        RESULTS / "scorecard.csv",
    log:
        RESULTS / "logs/scorecard.log",
    conda:
        ENVIRONMENT
    threads: 1
    shell:
        "cp {input:q} {output:q} 2> {log:q}"
