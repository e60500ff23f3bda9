# Stage 4: estimates. Makes estimates/{estimator}/{representation}/{scheme}.parquet, one tidy table
# with all levels and seeds.


def represented(wildcards, levels):
    """The files of a representation at some levels: views for pixels, else embeddings."""
    if wildcards.representation == "pixels":
        folder = f"/views/{wildcards.scheme}"
    else:
        encoder = wildcards.representation.removesuffix("-whole")
        folder = f"/embeddings/{encoder}/{wildcards.scheme}"
    return [RESULTS + f"{folder}/{level}.parquet" for level in levels]


def trained_estimates():
    """How many estimates train networks, and so can use more than one thread."""
    tables = {table for figure in FIGURES for table in CHECKED.tables(figure).values()}
    return sum(hasattr(CHECKED.estimators[estimator], "device") for estimator, _ in tables)


def estimate_threads(wildcards):
    """Its share of the cores for an estimate that trains networks, one for any other."""
    trains = hasattr(CHECKED.estimators[wildcards.estimator], "device")
    return share_of_cores(trained_estimates()) if trains else 1


rule estimate:
    """Estimate the leakage at every level with one estimator on one representation."""
    input:
        plain=lambda wildcards: represented(wildcards, [0]),
        levels=lambda wildcards: represented(wildcards, CHECKED.levels(wildcards.scheme)),
    output:
        table=RESULTS + "/estimates/{estimator}/{representation}/{scheme}.parquet",
        checksum=RESULTS + "/estimates/{estimator}/{representation}/{scheme}.parquet.sha256",
    log:
        RESULTS + "/logs/estimates/{estimator}/{representation}/{scheme}.log",
    benchmark:
        RESULTS + "/benchmarks/estimates/{estimator}/{representation}/{scheme}.tsv"
    conda:
        ENVIRONMENT
    threads: estimate_threads
    params:
        method=lambda wildcards: CHECKED.estimators[wildcards.estimator].method,
        rows=lambda w: "whole" if w.representation.endswith("-whole") else "patches",
        seed=CONFIG.seed,
        settings=lambda w: as_json(CHECKED.estimators[w.estimator].model_dump()),
        code=lambda w: code("estimate", module_of(CHECKED.estimators[w.estimator])),
    shell:
        "python -m leakage --threads {threads} estimate {params.method} {input.plain:q}"
        " {input.levels:q} --output {output.table:q} --label {wildcards.estimator}"
        " --representation {wildcards.representation} --rows {params.rows} --seed {params.seed}"
        " --code {params.code} --settings {params.settings:q} 2>&1 | tee {log:q}"
