# Stage 2: encryption. Makes views/{scheme}/{level}.parquet, what an observer sees at one level.


rule view:
    """Encrypt every picture at one level and keep what an observer sees of it."""
    input:
        manifest=RESULTS / "manifest.csv",
    output:
        view=RESULTS / "views/{scheme}/{level}.parquet",
        checksum=RESULTS / "views/{scheme}/{level}.parquet.sha256",
    log:
        RESULTS / "logs/views/{scheme}/{level}.log",
    benchmark:
        RESULTS / "benchmarks/views/{scheme}/{level}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    params:
        pictures=pictures_folder(),
        settings=lambda wildcards: as_json(CHECKED.view_settings(wildcards.scheme)),
        code=lambda wildcards: code("view", module_of(CHECKED.schemes[wildcards.scheme])),
    shell:
        "python -m leakage --threads {threads} view {input.manifest:q} {output.view:q}"
        " --pictures {params.pictures:q} --level {wildcards.level} --code {params.code}"
        " --settings {params.settings:q} 2>&1 | tee {log:q}"
