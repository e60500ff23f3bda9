# Beside stage 2: attacks. Makes attacks/{attack}/{scheme}.parquet, what an adversary gets back of some
# pictures at every level that the attack applies to, and the first of the pictures as PNG in
# attacks/{attack}/{scheme}/, from manifest.csv and the pictures.


rule attack:
    """Run one attack on one scheme."""
    input:
        manifest=RESULTS / "manifest.csv",
        encrypted=lambda w: JOBS.encrypted_files(w.scheme, levels_of(w)),
    output:
        table=RESULTS / "attacks/{attack}/{scheme}.parquet",
        checksum=RESULTS / "attacks/{attack}/{scheme}.parquet.sha256",
        shown=directory(RESULTS / "attacks/{attack}/{scheme}"),
    log:
        RESULTS / "logs/attacks/{attack}/{scheme}.log",
    benchmark:
        RESULTS / "benchmarks/attacks/{attack}/{scheme}.tsv"
    conda:
        ENVIRONMENT
    threads: attack_threads
    resources:
        turn=1,
        mem_mb=growing(3_000),
        runtime=growing(120),
        gpu=attack_gpus,
    params:
        method=lambda w: CHECKED.attacks[w.attack].method,
        pictures=verbatim(JOBS.pictures()),
        options=lambda w: JOBS.attack_options(w.attack),
        settings=lambda w: JOBS.attack_settings(w.attack, w.scheme),
        code=lambda w: JOBS.attack_code(w.attack, w.scheme),
    shell:
        "python -m leakage --threads {threads} attack {params.method:q} {input.manifest:q}"
        " {output.table:q} --shown {output.shown:q} --pictures {params.pictures:q}"
        " --label {wildcards.attack} {params.options} --settings {params.settings:q}"
        " --code {params.code} 2>&1 | tee {log:q}"
