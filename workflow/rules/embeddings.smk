# Stage 3: embeddings. Makes weights/{encoder}.safetensors (which weights, found once) and
# embeddings/{encoder}/{scheme}/{level}.parquet (patches and whole pictures of one level).


def plain_patches(wildcards):
    """What an untrained network's BatchNorm is calibrated on; nothing for other encoders."""
    if CHECKED.encoders[wildcards.encoder].weights != "random":
        return {}
    view = RESULTS + f"/views/{CONFIG.paper.scheme}/0.parquet"
    return {"view": view, "places": RESULTS + "/patches.csv"}


def local_weights(wildcards):
    """The weights file of the user's, so that another one makes the embeddings anew."""
    weights = CHECKED.encoders[wildcards.encoder].weights
    return [weights] if weights.endswith(".safetensors") else []


def found_weights(wildcards):
    """The record that the rule `weights` leaves; encoders without weights need none."""
    if not hasattr(CHECKED.encoders[wildcards.encoder], "weights"):
        return []
    return RESULTS + f"/weights/{wildcards.encoder}.safetensors"


def encoder_modules(wildcards):
    """The module of one kind of encoder, which the steps load by name."""
    return module_of(CHECKED.encoders[wildcards.encoder])


def encoder_settings(wildcards):
    """An encoder's own branch of the configuration."""
    return as_json(CHECKED.encoders[wildcards.encoder].model_dump())


def plain_options(wildcards):
    """The plain patches as command-line options."""
    options = plain_patches(wildcards).items()
    return " ".join(f"--{name} {shlex.quote(path)}" for name, path in options)


def weights_option(wildcards):
    """The found weights as a command-line option."""
    path = found_weights(wildcards)
    return f"--weights {shlex.quote(path)}" if path else ""


rule weights:
    """Find the weights of one encoder (download, check, calibrate) for all jobs that embed."""
    input:
        unpack(plain_patches),
        file=local_weights,
    output:
        weights=RESULTS + "/weights/{encoder}.safetensors",
        checksum=RESULTS + "/weights/{encoder}.safetensors.sha256",
    log:
        RESULTS + "/logs/weights/{encoder}.log",
    benchmark:
        RESULTS + "/benchmarks/weights/{encoder}.tsv"
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
        view=RESULTS + "/views/{scheme}/{level}.parquet",
        places=RESULTS + "/patches.csv",
        weights=found_weights,
    output:
        embedding=RESULTS + "/embeddings/{encoder}/{scheme}/{level}.parquet",
        checksum=RESULTS + "/embeddings/{encoder}/{scheme}/{level}.parquet.sha256",
    log:
        RESULTS + "/logs/embeddings/{encoder}/{scheme}/{level}.log",
    benchmark:
        RESULTS + "/benchmarks/embeddings/{encoder}/{scheme}/{level}.tsv"
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
