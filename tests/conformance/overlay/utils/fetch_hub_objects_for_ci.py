"""Stand-in for utils/fetch_hub_objects_for_ci.py with small local fixtures instead of downloads."""

import os
import tempfile
import wave
from pathlib import Path

_DIR = Path(os.environ.get("PEER_FIXTURES", Path(tempfile.gettempdir()) / "peer_fixtures"))


def url_to_local_path(url, return_url_if_not_found=True):
    import numpy as np

    _DIR.mkdir(parents=True, exist_ok=True)
    target = _DIR / url.split("/")[-1]
    suffix = target.suffix.lower()
    if suffix in (".png", ".jpg", ".jpeg"):
        if not target.exists():
            from PIL import Image

            rng = np.random.default_rng(0)
            Image.fromarray(rng.integers(0, 255, (48, 64, 3), dtype=np.uint8)).save(target)
        return str(target)
    if suffix in (".wav", ".mp3"):
        target = target.with_suffix(".wav")
        if not target.exists():
            samples = (np.sin(np.arange(16000) / 20) * 20000).astype("<i2")
            with wave.open(str(target), "wb") as w:
                w.setnchannels(1)
                w.setsampwidth(2)
                w.setframerate(16000)
                w.writeframes(samples.tobytes())
        return str(target)
    return url
