# Stage 3: embeddings. Makes record/weights/{encoder}.safetensors (which weights, found once) and
# embeddings/{encoder}/{scheme}/{level}.parquet (patches and whole pictures of one level; of a large
# dataset put together from embeddings/{encoder}/{scheme}/{level}/{shard}.parquet).


rule find_weights:
    """Find the weights of one encoder (download, check, calibrate) for all jobs that embed."""
    input:
        unpack(plain_patches),
        file=local_weights,
    output:
        weights=RESULTS / "record/weights/{encoder}.safetensors",
        checksum=RESULTS / "record/weights/{encoder}.safetensors.sha256",
    log:
        RESULTS / "logs/weights/{encoder}.log",
    benchmark:
        RESULTS / "benchmarks/weights/{encoder}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        here=1,
        mem_mb=growing(4_000),
        runtime=growing(60),
    params:
        settings=encoder_settings,
        options=f"--size {CONFIG.patches.size} --seed {CONFIG.seed} --device {CONFIG.device}",
        plain=plain_options,
        code=lambda wildcards: code("find_weights", encoder_modules(wildcards)),
    shell:
        "python -m leakage --threads {threads} find_weights {output.weights:q} {params.plain}"
        " {params.options} --settings {params.settings:q} 2>&1 | tee {log:q}"


rule embedding:
    """Embed the patches and the whole pictures of one level with one encoder."""
    input:
        view=RESULTS / f"views/{{scheme}}/{PART}.parquet",
        places=RESULTS / "patches.csv",
        weights=found_weights,
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
        gpu=lambda wildcards: gpus(hasattr(CHECKED.encoders[wildcards.encoder], "weights")),
    params:
        settings=encoder_settings,
        options=f"--size {CONFIG.patches.size} --device {CONFIG.device}",
        weights=weights_option,
        code=lambda wildcards: code("embed", encoder_modules(wildcards)),
    shell:
        "python -m leakage --threads {threads} embed {input.view:q} {input.places:q}"
        " {output.embedding:q} {params.weights} --encoder {wildcards.encoder} {params.options}"
        " --code {params.code} --settings {params.settings:q}"
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
