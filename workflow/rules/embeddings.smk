# Stage 3: embeddings. Makes record/weights/{encoder}.safetensors (which weights, found once) and
# embeddings/{encoder}/{scheme}/{level}.parquet (patches and whole pictures of one level; of a large
# dataset put together from embeddings/{encoder}/{scheme}/{level}/{shard}.parquet).


rule find_weights:
    """Find the weights of one encoder (download, check) for all jobs that embed."""
    input:
        unpack(lambda w: JOBS.plain_patches(w.encoder)),
        file=lambda w: CHECKED.encoders[w.encoder].files(),
    output:
        weights=RESULTS / "record/weights/{encoder}.safetensors",
        checksum=RESULTS / "record/weights/{encoder}.safetensors.sha256",
    log:
        RESULTS / "logs/find_weights/{encoder}.log",
    benchmark:
        RESULTS / "benchmarks/find_weights/{encoder}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        here=1,
        mem_mb=growing(4_000),
        runtime=growing(60),
    params:
        settings=lambda w: JOBS.encoder_settings(w.encoder),
        size=f"--size {CONFIG.patches.size}",
        seed=f"--seed {CONFIG.seed}",
        device=f"--device {CONFIG.device}",
        plain=lambda w: options(JOBS.plain_patches(w.encoder).items()),
        code=lambda wildcards: code("find_weights", CHECKED.encoders[wildcards.encoder]),
    shell:
        "python -m leakage --threads {threads} find_weights {output.weights:q} {params.plain}"
        " {params.size} {params.seed} {params.device} --settings {params.settings:q} 2>&1 | tee {log:q}"


rule embedding:
    """Embed the patches and the whole pictures of one level with one encoder."""
    input:
        view=RESULTS / f"views/{{scheme}}/{PART}.parquet",
        places=RESULTS / "patches.csv",
        weights=lambda w: JOBS.weights_record(w.encoder),
    output:
        embedding=RESULTS / f"embeddings/{{encoder}}/{{scheme}}/{PART}.parquet",
        checksum=RESULTS / f"embeddings/{{encoder}}/{{scheme}}/{PART}.parquet.sha256",
    log:
        RESULTS / f"logs/embeddings/{{encoder}}/{{scheme}}/{PART}.log",
    benchmark:
        RESULTS / f"benchmarks/embeddings/{{encoder}}/{{scheme}}/{PART}.tsv"
    conda:
        ENVIRONMENT
    # Two jobs of one thread each embed faster than one job of two.
    threads: 1
    resources:
        turn=1,
        mem_mb=growing(4_000),
        runtime=growing(60),
        gpu=lambda w: gpus(CHECKED.encoders[w.encoder]),
    params:
        settings=lambda w: JOBS.encoder_settings(w.encoder),
        size=f"--size {CONFIG.patches.size}",
        device=f"--device {CONFIG.device}",
        weights=lambda w: options(("weights", path) for path in JOBS.weights_record(w.encoder)),
        code=lambda wildcards: code("embed", CHECKED.encoders[wildcards.encoder]),
    shell:
        "python -m leakage --threads {threads} embed {input.view:q} {input.places:q}"
        " {output.embedding:q} {params.weights} --encoder {wildcards.encoder} {params.size}"
        " {params.device} --code {params.code} --settings {params.settings:q}"
        " 2>&1 | tee {log:q}"


if SHARDS > 1:

    rule gather:
        """Put the embeddings of all shards of one level into one file."""
        input:
            shards=expand(
                str(RESULTS / "embeddings/{{encoder}}/{{scheme}}/{{level}}/{shard}.parquet"),
                shard=range(SHARDS),
            ),
        output:
            embedding=RESULTS / "embeddings/{encoder}/{scheme}/{level}.parquet",
            checksum=RESULTS / "embeddings/{encoder}/{scheme}/{level}.parquet.sha256",
        log:
            RESULTS / "logs/embeddings/{encoder}/{scheme}/{level}.log",
        benchmark:
            RESULTS / "benchmarks/embeddings/{encoder}/{scheme}/{level}.tsv"
        conda:
            ENVIRONMENT
        threads: 1
        resources:
            mem_mb=growing(1_000),
            runtime=growing(60),
        params:
            code=code("gather"),
        shell:
            "python -m leakage --threads {threads} gather {output.embedding:q} {input.shards:q}"
            " 2>&1 | tee {log:q}"
