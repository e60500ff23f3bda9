# Stage 2: encryption. Makes views/{scheme}/{level}.parquet, what an observer sees at one level (of a
# large dataset views/{scheme}/{level}/{shard}.parquet).


rule view:
    """Encrypt every picture at one level and keep its view."""
    input:
        manifest=RESULTS / "manifest.csv",
        encrypted=lambda w: JOBS.encrypted_files(w.scheme, [int(w.level)]),
    output:
        view=RESULTS / f"views/{{scheme}}/{PART}.parquet",
        checksum=RESULTS / f"views/{{scheme}}/{PART}.parquet.sha256",
    log:
        RESULTS / f"logs/views/{{scheme}}/{PART}.log",
    benchmark:
        RESULTS / f"benchmarks/views/{{scheme}}/{PART}.tsv"
    # All levels first: the longest estimate waits for them.
    priority: 20
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        turn=1,
        mem_mb=growing(2_000),
        runtime=growing(30),
    params:
        pictures=verbatim(JOBS.pictures()),
        shard=lambda w: f"--shard {w.get('shard', 0)} --shards {SHARDS}",
        settings=lambda w: JOBS.view_settings(w.scheme, int(w.level)),
        code=lambda w: JOBS.view_code(w.scheme),
    shell:
        "python -m leakage --threads {threads} view {input.manifest:q} {output.view:q}"
        " --pictures {params.pictures:q} --level {wildcards.level} {params.shard} --code {params.code}"
        " --settings {params.settings:q} 2>&1 | tee {log:q}"
