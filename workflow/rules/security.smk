# Beside stage 2: the tests of ciphertexts that reviewers ask for. Makes
# security/{scheme}/{level}.parquet, one row per picture and test, from manifest.csv and the pictures.


rule security:
    """Test the ciphertexts of one level: NPCR, UACI, chi-square and others."""
    input:
        manifest=RESULTS / "manifest.csv",
        encrypted=lambda w: JOBS.encrypted_files(w.scheme, [int(w.level)]),
    output:
        table=RESULTS / "security/{scheme}/{level}.parquet",
        checksum=RESULTS / "security/{scheme}/{level}.parquet.sha256",
        times=RESULTS / "record/throughput/{scheme}/{level}.csv",
    log:
        RESULTS / "logs/security/{scheme}/{level}.log",
    benchmark:
        RESULTS / "benchmarks/security/{scheme}/{level}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        turn=1,
        mem_mb=growing(2_000),
        runtime=growing(60),
    params:
        pictures=verbatim(JOBS.pictures()),
        options=lambda w: JOBS.security_options(int(w.level)),
        settings=lambda w: JOBS.view_settings(w.scheme, int(w.level)),
        code=lambda w: code("security", CHECKED.schemes[w.scheme]),
    shell:
        "python -m leakage --threads {threads} security {input.manifest:q} {output.table:q}"
        " {output.times:q} --pictures {params.pictures:q} {params.options} --code {params.code}"
        " --settings {params.settings:q} 2>&1 | tee {log:q}"
