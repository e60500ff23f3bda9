# Beside stage 2: the classic measures of visual security. Makes measures/{scheme}.parquet, one row
# per picture and level (and per picture one of noise), from manifest.csv and the pictures. Of more
# than a few pictures it is put together from measures/{scheme}/{level}-{part}.parquet.
MEASURED = "{scheme}/{measured}-{part}" if JOBS.measured_apart() else "{scheme}"


rule measure:
    """Compute the classic measures: PSNR, SSIM and others."""
    input:
        manifest=RESULTS / "manifest.csv",
        encrypted=lambda w: JOBS.encrypted_files(
            w.scheme, JOBS.measured_levels(w.scheme, w.get("measured", ""))
        ),
    output:
        table=RESULTS / f"measures/{MEASURED}.parquet",
        checksum=RESULTS / f"measures/{MEASURED}.parquet.sha256",
    log:
        RESULTS / f"logs/measures/{MEASURED}.log",
    benchmark:
        RESULTS / f"benchmarks/measures/{MEASURED}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        turn=1,
        mem_mb=growing(2_000),
        runtime=growing(60),
    params:
        pictures=verbatim(JOBS.pictures()),
        options=lambda w: JOBS.measure_options(w.scheme, w.get("measured", ""), w.get("part", "0")),
        settings=lambda w: JOBS.measure_settings(w.scheme, w.get("measured", "")),
        code=lambda w: code("measure", CHECKED.schemes[w.scheme]),
    shell:
        "python -m leakage --threads {threads} measure {input.manifest:q} {output.table:q}"
        " --pictures {params.pictures:q} {params.options} --code {params.code}"
        " --settings {params.settings:q} 2>&1 | tee {log:q}"


if JOBS.measured_apart():

    rule gather_measures:
        """Put the measures of all levels and parts of the pictures into one table."""
        input:
            parts=lambda w: JOBS.measure_parts(w.scheme),
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
            mem_mb=growing(1_000),
            runtime=growing(10),
        params:
            code=code("gather_measures"),
        shell:
            "python -m leakage --threads {threads} gather_measures {output.table:q} {input.parts:q}"
            " 2>&1 | tee {log:q}"
