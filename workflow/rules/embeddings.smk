# Stage 3: embeddings. Makes weights/{encoder}.safetensors (which weights, found once) and
# embeddings/{encoder}/{scheme}/{level}.parquet (patches and whole pictures of one level).


rule weights:
    """Find the weights of one encoder (download, check, calibrate) for all jobs that embed."""
    input:
        unpack(plain_patches),
        file=local_weights,
    output:
        weights=RESULTS / "weights/{encoder}.safetensors",
        checksum=RESULTS / "weights/{encoder}.safetensors.sha256",
    log:
        RESULTS / "logs/weights/{encoder}.log",
    benchmark:
        RESULTS / "benchmarks/weights/{encoder}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    params:
        settings=encoder_settings,
        seed=CONFIG.seed,
        size=CONFIG.patches.size,
        device=CONFIG.device,
        plain=plain_options,
        code=lambda wildcards: code("weights", encoder_modules(wildcards)),
    shell:
        "python -m leakage --threads {threads} weights {output.weights:q} {params.plain}"
        " --size {params.size} --seed {params.seed} --device {params.device}"
        " --settings {params.settings:q} 2>&1 | tee {log:q}"


rule embedding:
    """Embed the patches and the whole pictures of one level with one encoder."""
    input:
        view=RESULTS / "views/{scheme}/{level}.parquet",
        places=RESULTS / "patches.csv",
        weights=found_weights,
    output:
        embedding=RESULTS / "embeddings/{encoder}/{scheme}/{level}.parquet",
        checksum=RESULTS / "embeddings/{encoder}/{scheme}/{level}.parquet.sha256",
    log:
        RESULTS / "logs/embeddings/{encoder}/{scheme}/{level}.log",
    benchmark:
        RESULTS / "benchmarks/embeddings/{encoder}/{scheme}/{level}.tsv"
    conda:
        ENVIRONMENT
    # Two jobs of one thread each embed faster than one job of two.
    threads: 1
    params:
        settings=encoder_settings,
        size=CONFIG.patches.size,
        device=CONFIG.device,
        weights=weights_option,
        code=lambda wildcards: code("embed", encoder_modules(wildcards)),
    shell:
        "python -m leakage --threads {threads} embed {input.view:q} {input.places:q}"
        " {output.embedding:q} {params.weights} --encoder {wildcards.encoder} --size {params.size}"
        " --device {params.device} --code {params.code} --settings {params.settings:q}"
        " 2>&1 | tee {log:q}"
