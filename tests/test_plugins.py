"""Plug-ins that are wrong: refused by name, with what they returned."""

import sys
from pathlib import Path

import numpy as np
import pytest
from leakage import encoders, estimators, measures, schemes
from leakage.errors import LeakageError
from leakage.estimators import tables
from leakage.storage import digest
from PIL import Image

PIXELS = np.random.default_rng(0).integers(0, 256, (8, 9, 3), dtype=np.uint8)
PATCHES = [PIXELS[:4, :4], PIXELS[4:, 4:8]]
X = np.random.default_rng(0).normal(size=(20, 3))
Y = np.stack([X, -X])


def plugin(folder: Path, code: str) -> str:
    """Write a plug-in and return its path, of a name that no other test has."""
    path = folder / "mine.py"
    path.write_text(f"import numpy as np\n{code}\n")
    return str(path)


def cipher(folder: Path, code: str) -> schemes.KeyedScheme:
    """Return the scheme of a plug-in with `code` in its class."""
    body = "\n".join(f"    {line}" for line in code.splitlines())
    path = plugin(folder, f"from leakage.schemes import Cipher\nclass Mine(Cipher):\n{body}")
    found = schemes.cipher_class(path)(cipher=path, levels=[0, 1])
    return schemes.KeyedScheme("mine", found, bytes(32))


def encoder(path: str) -> encoders.LoadedEncoder:
    return encoders.encoder_class(path)(kind=path).load(None, "cpu")


ENCODER = "from leakage.encoders import Encoder\nclass Mine(Encoder):\n    "


CIPHERS = {
    "wrong shape": ("return pixels[:-1]", r"encrypt returned an array of uint8 with shape \(7, 9"),
    "wrong dtype": ("return pixels / 255", r"encrypt returned an array of float64 with shape \(8"),
    "nothing": ("pass", r"returned None; expected an array of uint8 with shape \(8, 9, 3\)"),
    "raises": ("return 1 / 0", r"encrypt raised ZeroDivisionError: .* \(mine\.py, line 4\)"),
    "writes into its input": ("pixels ^= 1", "encrypt raised ValueError: .*read-only"),
}


@pytest.mark.parametrize("case", CIPHERS)
def test_a_faulty_cipher_is_refused_with_what_it_returned(tmp_path, case):
    body, message = CIPHERS[case]
    with pytest.raises(LeakageError, match=message) as caught:
        cipher(tmp_path, f"def encrypt(self, pixels, level, keystream): {body}").encrypt(
            "cat", PIXELS, 1
        )
    where = f"scheme mine ({tmp_path / 'mine.py'}), picture cat at level 1: "
    assert str(caught.value).startswith(where)


def test_a_decrypt_that_does_not_give_the_picture_back_is_refused(tmp_path):
    code = "def encrypt(self, p, level, keystream): return p & 254\ndecrypt = encrypt"
    with pytest.raises(LeakageError, match=r"cat at level 1: decrypt does not give .* 216 values"):
        cipher(tmp_path, code).encrypt("cat", PIXELS, 1)


def test_a_faulty_view_is_refused_like_a_faulty_cipher(tmp_path):
    code = (
        "def encrypt(self, p, level, keystream): return p & 254\n"
        "def view_of(self, c, level, keystream): return c[..., 0]"
    )
    found = cipher(tmp_path, code)
    # Without decrypt, a cipher needs no inverse.
    assert np.array_equal(found.encrypt("cat", PIXELS, 1), PIXELS & 254)
    with pytest.raises(LeakageError, match=r"view_of returned an array of uint8 with shape \(8, 9"):
        found.view("cat", PIXELS, 1)


RETURNS_BYTES = (
    "returns_bytes = True\n"
    "def encrypt(self, p, level, keystream): return b'head' + p.tobytes()\n"
    "def decrypt(self, c, level, keystream):\n"
    "    return np.frombuffer(c[4:], np.uint8).reshape(c.shape)\n"
)


def test_a_ciphertext_of_bytes_has_a_size_the_plain_shape_and_a_view(tmp_path):
    code = RETURNS_BYTES + "def view_of(self, c, level, k): return 255 - self.decrypt(c, level, k)"
    found = cipher(tmp_path, code)
    ciphertext = found.encrypt("cat", PIXELS, 1)
    assert ciphertext == b"head" + PIXELS.tobytes() and ciphertext.shape == PIXELS.shape
    assert len(ciphertext) == PIXELS.size + 4
    assert np.array_equal(found.view("cat", ciphertext, 1), 255 - PIXELS)
    assert np.array_equal(found.view("cat", found.encrypt("cat", PIXELS, 0), 0), PIXELS)
    measured = measures.measure(PIXELS, 255 - PIXELS, ciphertext)
    assert measured == measures.measure(PIXELS, 255 - PIXELS, 255 - PIXELS)


def test_another_program_s_ciphertext_can_be_bytes(tmp_path):
    code = (
        "returns_bytes = True\n"
        "def read(self, image_id, plain, level): return image_id.encode()\n"
        "def view_of(self, c, level, keystream): return np.full(c.shape, len(c), np.uint8)"
    )
    found = cipher(tmp_path, code)
    assert (found.view("cat", found.encrypt("cat", PIXELS, 1), 1) == 3).all()


VIEW = "def view_of(self, c, level, keystream): return c"
ENCRYPT = "def encrypt(self, p, level, keystream): return "
BYTES = {
    "no view": (RETURNS_BYTES, "Mine sets returns_bytes and has no view_of; add"),
    "not declared": (f"{ENCRYPT}b'abc'", r"encrypt returned 3 bytes; .* set returns_bytes = True"),
    "a picture": (
        f"returns_bytes = True\n{ENCRYPT}p\n{VIEW}",
        r"expected bytes, because .*; found an array of uint8 with shape \(8, 9, 3\)",
    ),
    "the view is bytes": (f"{RETURNS_BYTES}{VIEW}", r"view_of returned .*shape \(8, 9, 3\)"),
}


@pytest.mark.parametrize("case", BYTES)
def test_bytes_without_a_declaration_or_a_view_are_refused(tmp_path, case):
    code, message = BYTES[case]
    with pytest.raises(LeakageError, match=message):
        found = cipher(tmp_path, code)
        found.view("cat", found.encrypt("cat", PIXELS, 1), 1)


def test_the_properties_of_a_cipher_s_levels_stand_in_the_metadata_of_its_views(tmp_path):
    code = (
        "level_label = 'rounds'\nrounds: int = 4\n"
        "def encrypt(self, p, level, keystream): return 255 - p\n"
        "def clear_bits(self, level): return 8 - level\n"
        "def strength(self, level): return level / self.rounds\n"
    )
    about = cipher(tmp_path, code).about(1)
    assert about == {"clear_bits": 7, "strength": 0.25, "nested": False, "level_label": "rounds"}


ENCODERS = {
    "wrong number": ("return np.zeros((1, 5))", r"an array of float64 with shape \(1, 5\) for 2"),
    "no dimension": ("return np.zeros((2, 0))", r"with shape \(2, 0\)"),
    "whole numbers": ("return np.zeros((2, 5), int)", "an array of int64"),
    "a list": ("return [1.0, 2.0]", r"a list for 2 patches; expected .*\(2, dim\)"),
    "raises": ("return patches.shape", r"encode raised AttributeError: .* \(mine\.py, line 4\)"),
}


@pytest.mark.parametrize("case", ENCODERS)
def test_a_faulty_encoder_is_refused_with_what_it_returned(tmp_path, case):
    body, message = ENCODERS[case]
    path = plugin(tmp_path, f"{ENCODER}def encode(self, patches): {body}")
    with pytest.raises(LeakageError, match=message) as caught:
        encoder(path)(PATCHES)
    assert "mine" in str(caught.value)


def test_a_good_encoder_s_numbers_become_float32_and_it_loads_something_once(tmp_path):
    code = (
        "label = 'means'\n"
        "    @functools.cached_property\n"
        "    def weight(self): return 1 + np.random.default_rng().random()\n"
        "    def encode(self, p): return np.array([[self.weight * each.mean()] for each in p])"
    )
    ready = encoder(plugin(tmp_path, "import functools\n" + ENCODER + code))
    found = ready(PATCHES)
    assert found.dtype == np.float32 and ready.label == "means" and not ready.untrained
    assert found[0] / found[1] == pytest.approx(PATCHES[0].mean() / PATCHES[1].mean())
    assert np.array_equal(ready(PATCHES), found)


ESTIMATOR = """
from leakage.estimators import Estimator, tables
class Own(Estimator):
    def estimate(self, x, y, groups, levels, seed):
        """
TABLE = "return tables.tidy({'level': levels, 'nats': 1.0, 'estimand': 'x'})"
ESTIMATORS = {
    "wrong shape": (
        "return np.zeros(3)",
        r"float64 with shape \(3,\); expected an array with one num",
    ),
    "text": ("return np.array(['a', 'b'])", "an array of <U1"),
    "NaN": ("return np.array([1.0, np.nan])", "a value at level 8 that is not finite"),
    "a level less": (
        "return tables.tidy({'level': [0], 'nats': [1.0], 'estimand': 'x'})",
        r"for the levels \[0\]; expected \[0, 8\]",
    ),
    "text as chosen": (
        TABLE + ".assign(chosen='False')",
        r"returned 'False' \(str\) in the column chosen; expected True or False",
    ),
    "numbers as chosen": (
        TABLE + ".assign(chosen=1)",
        r"returned 1 \(int\) in the column chosen",
    ),
    "None as chosen": (
        TABLE + ".assign(chosen=None)",
        r"returned None \(NoneType\) in the column chosen",
    ),
    "text as value": (
        TABLE + ".assign(value='a')",
        "a value at level 0 that is not finite",
    ),
    "changes x": (
        "x[:] = 0",
        r"estimate raised ValueError: .* read-only \(mine\.py, line 6\)",
    ),
    "raises": ("return x[99]", r"estimate raised IndexError: .* \(mine\.py, line 6\)"),
}


@pytest.mark.parametrize("case", ESTIMATORS)
def test_a_faulty_estimator_is_refused_with_what_it_returned(tmp_path, case):
    body, message = ESTIMATORS[case]
    path = plugin(tmp_path, ESTIMATOR + body)
    with pytest.raises(LeakageError, match=message) as caught:
        estimators.estimate(path, X, Y, levels=[0, 8])
    assert str(caught.value).startswith(f"estimator {path}: ")


def test_a_plug_in_cannot_change_the_caller_s_arrays(tmp_path):
    x, y, groups = X.copy(), Y.copy(), np.arange(20)
    for name in ("x", "y", "groups"):
        path = plugin(tmp_path, ESTIMATOR + f"{name}[:] = 0")
        with pytest.raises(LeakageError, match="read-only"):
            estimators.estimate(path, x, y, groups)
    assert np.array_equal(x, X) and np.array_equal(y, Y) and groups[-1] == 19
    assert all(each.flags.writeable for each in (x, y, groups))


BODY = "    def estimate(self, x, y, groups, levels, seed): return np.zeros(len(levels))"


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("    def __init__(self, bins): pass", "Own has its own __init__, which does not accept"),
        ("    def __init__(self): pass", "Own has its own __init__, which does not accept the set"),
        (
            "    @abc.abstractmethod\n    def bins(self): pass",
            "Own is abstract; define its method bins",
        ),
    ],
)
def test_a_class_that_cannot_be_made_from_its_settings_is_refused(tmp_path, code, message):
    head = "import abc\nfrom leakage.estimators import Estimator\nclass Own(Estimator):"
    path = plugin(tmp_path, f"{head}\n{code}\n{BODY}")
    with pytest.raises(LeakageError, match=message) as caught:
        estimators.estimate(path, X, Y)
    assert str(caught.value).startswith(f"estimator {path}: ")


def test_an_init_that_accepts_the_settings_is_called(tmp_path):
    head = "from leakage.estimators import Estimator\nclass Own(Estimator):\n    bins: int = 2"
    own = "    def __init__(self, **settings): super().__init__(**settings | {'bins': 5})"
    body = BODY.replace("np.zeros(len(levels))", "np.full(len(levels), self.bins)")
    path = plugin(tmp_path, f"{head}\n{own}\n{body}")
    assert estimators.estimate(path, X, Y)["nats"].eq(5).all()


def test_one_number_per_level_becomes_the_tidy_table(tmp_path):
    path = plugin(tmp_path, ESTIMATOR + "return np.array([2.0, 0.5])")
    table = estimators.estimate(path, X, Y, levels=[0, 8])
    assert list(table)[: len(tables.COLUMNS)] == list(tables.COLUMNS)
    assert dict(zip(table["level"], table["nats"], strict=True)) == {0: 2.0, 8: 0.5}
    assert table["chosen"].all()


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (None, r"mine\.py: no such file; give the path of a Python file"),
        ("def encrypt(:", r"mine\.py: cannot be imported: SyntaxError: .*line 2\)"),
        ("import nothing_of_that_name", r"cannot be imported: ModuleNotFoundError: .*line 2\)"),
        ("raise SystemExit(3)", "cannot be imported: SystemExit"),
        ("encrypt = 3", r"mine\.py: expected one class derived from .*Cipher, found none; docs"),
    ],
)
def test_a_file_that_is_no_plug_in_is_refused(tmp_path, code, message):
    path = str(tmp_path / "mine.py") if code is None else plugin(tmp_path, code)
    with pytest.raises(LeakageError, match=message):
        schemes.cipher_class(path)


def test_a_plug_in_that_ends_the_process_is_an_error_that_names_it(tmp_path):
    code = "def encrypt(self, pixels, level, keystream): raise SystemExit(0)"
    with pytest.raises(LeakageError, match=r"encrypt raised SystemExit: 0 \(mine\.py, line 4\)"):
        cipher(tmp_path, code).encrypt("cat", PIXELS, 1)


def test_a_plug_in_changes_neither_the_working_folder_nor_a_module_of_its_name(tmp_path):
    known, folder = sys.modules["random"], Path.cwd()
    path = tmp_path / "random.py"
    code = "import os, random\nfrom leakage.schemes import Cipher\nos.chdir('/')\n"
    code += "class Mine(Cipher):\n    drawn: float = random.random()\n"
    path.write_text(code + "    def encrypt(self, pixels, level, keystream): return pixels")
    assert schemes.cipher_class(str(path)).__module__ != "random"
    assert sys.modules["random"] is known and Path.cwd() == folder


def test_a_function_that_takes_other_arguments_is_refused_before_it_is_called(tmp_path):
    with pytest.raises(LeakageError, match=r"mine\.py: encode\(.*\) is called with \(self, "):
        encoders.encoder_class(plugin(tmp_path, f"{ENCODER}def encode(self): pass"))


def test_the_digest_of_a_plug_in_is_of_its_code_and_of_what_it_imports_from_the_package(tmp_path):
    def digested(name, comment=""):
        path = plugin(tmp_path, f"from leakage.estimators import {name}{comment}")
        digest._module.cache_clear()
        return digest._module(path), digest.imported([path])

    before, found = digested("frequencies")
    assert {str(tmp_path / "mine.py"), "leakage.estimators.frequencies"} <= found
    assert digested("frequencies", "  # a comment")[0] == before != digested("noisy")[0]
    digest._module.cache_clear()


@pytest.fixture
def encrypted(tmp_path):
    """A folder with one picture, encrypted at levels 1 and 3."""
    for level in (1, 3):
        (tmp_path / str(level)).mkdir()
        Image.fromarray(PIXELS ^ level).save(tmp_path / str(level) / "cat.png")
    return tmp_path


def elsewhere(path: Path, **more: object) -> schemes.KeyedScheme:
    found = schemes.cipher_class("folder")(path=str(path), **more)
    return schemes.KeyedScheme("elsewhere", found, None)


def test_the_levels_of_a_folder_are_its_numbered_subfolders_and_the_plain_picture(encrypted):
    of = elsewhere(encrypted)
    assert of.cipher.levels == [0, 1, 3]
    assert np.array_equal(of.encrypt("cat", PIXELS, 3), PIXELS ^ 3)
    assert np.array_equal(of.encrypt("cat", PIXELS, 0), PIXELS)
    assert elsewhere(encrypted, levels=[0, 3]).cipher.levels == [0, 3]


def test_what_a_folder_lacks_is_named(encrypted):
    for level in (2, "2", 2.0):
        with pytest.raises(ValueError, match=r"has no subfolder 2 \(found: 1, 3\)"):
            elsewhere(encrypted, levels=[0, level])
    for level in (0, "0", 0.0):
        with pytest.raises(ValueError, match=r"has no subfolder 1, 2, … \(found: 1, 3\)"):
            elsewhere(encrypted, levels=[level])
    with pytest.raises(LeakageError, match=r"1/dog\.png: expected one .*, found none; put it"):
        elsewhere(encrypted).encrypt("dog", PIXELS, 1)
    with pytest.raises(LeakageError, match=r"1/cat\.png: 9 x 8 with 3 .* plain picture has 9 x 4 "):
        elsewhere(encrypted).encrypt("cat", PIXELS[:4], 1)
    Image.fromarray(PIXELS).save(encrypted / "1" / "cat.bmp")
    with pytest.raises(LeakageError, match=r"found 2 files \(cat\.bmp, cat\.png\)"):
        elsewhere(encrypted).encrypt("cat", PIXELS, 1)


@pytest.mark.parametrize("name", ["cat.PNG", "cat.Tiff", "cat.BMP"])
def test_an_encrypted_picture_is_found_by_a_suffix_in_any_case_and_hidden_files_are_not(
    encrypted, name
):
    (encrypted / "1" / "cat.png").unlink()
    Image.fromarray(PIXELS).save(encrypted / "1" / name)
    (encrypted / "1" / "._cat.png").write_bytes(b"of macOS")
    of = elsewhere(encrypted)
    assert np.array_equal(of.encrypt("cat", PIXELS, 1), PIXELS) and len(of.cipher.files(1)) == 1


def test_a_level_with_a_leading_zero_is_refused(encrypted):
    (encrypted / "03").mkdir()
    with pytest.raises(ValueError, match="subfolder 03; rename it to 3"):
        elsewhere(encrypted)
