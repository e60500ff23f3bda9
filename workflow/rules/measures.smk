# Beside stage 2: the classic measures of visual security. Makes measures/{scheme}.parquet, one row
# per picture and level (and per picture one of noise), from manifest.csv and the pictures.


rule measure:
    """Compute the classic measures of every level: PSNR, SSIM and others."""
    input:
        manifest=RESULTS / "manifest.csv",
        encrypted=lambda w: JOBS.encrypted_files(w.scheme, levels_of(w)),
    output:
        table=RESULTS / "measures/{scheme}.parquet",
        checksum=RESULTS / "measures/{scheme}.parquet.sha256",
    log:
        RESULTS / "logs/measures/{scheme}.log",
    benchmark:
        RESULTS / "benchmarks/measures/{scheme}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        turn=1,
        mem_mb=growing(2_000),
        runtime=growing(120),
    params:
        pictures=verbatim(JOBS.pictures()),
        options=lambda w: JOBS.measure_options(w.scheme),
        settings=lambda w: JOBS.measure_settings(w.scheme),
        code=lambda w: code("measure", CHECKED.schemes[w.scheme]),
    shell:
        "python -m leakage --threads {threads} measure {input.manifest:q} {output.table:q}"
        " --pictures {params.pictures:q} {params.options} --code {params.code}"
        " --settings {params.settings:q} 2>&1 | tee {log:q}"
