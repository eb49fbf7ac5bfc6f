# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import torch
from datasets import Dataset
from PIL import Image

from imagebind_hf.training import Augmentation, PairCollator, PairDataset, Pairs
from training.test_trainer import make_pairs, make_trainer

RAMP = np.add.outer(np.arange(60), 2 * np.arange(80)).astype(np.uint8)
IMAGE = Image.fromarray(np.stack([RAMP, RAMP, RAMP], axis=-1))
GEOMETRY = [{"RandomResizedCrop": {"size": 48, "scale": [0.2, 0.6]}}, {"RandomHorizontalFlip": {}}]


@pytest.mark.parametrize("depth", [RAMP.astype(np.uint16), RAMP.astype(np.float32), Image.fromarray(RAMP), RAMP[None]])
def test_joint_transforms_crop_image_and_partner_equally(depth):
    augment = Augmentation(joint=GEOMETRY)
    for seed in range(5):
        torch.manual_seed(seed)
        image, partner = augment(IMAGE, depth)
        assert image.shape == (3, 48, 48) and partner.shape == (1, 48, 48)
        # Only the image is interpolated, so both differ by about the step between two pixels.
        assert (image[0].float() - partner[0].float()).abs().mean() < 2
        assert set(partner.unique().tolist()) <= set(RAMP.ravel().tolist()), "the partner is not interpolated"


def test_joint_transforms_resize_the_partner():
    image, partner = Augmentation(joint=GEOMETRY)(IMAGE, RAMP[::2, ::2].astype(np.float32))
    assert image.shape[-2:] == partner.shape[-2:] == (48, 48)


def test_joint_color_transforms_change_only_the_image():
    augment = Augmentation(joint=[{"ColorJitter": {"brightness": [0.1, 0.2]}}])
    image, partner = augment(IMAGE, RAMP)
    assert image.float().mean() < 0.25 * RAMP.mean()
    assert np.array_equal(partner[0].numpy(), RAMP)


def test_feature_transforms_mask_a_spectrogram():
    torch.manual_seed(0)
    augment = Augmentation(
        features=[{"FrequencyMasking": {"freq_mask_param": 12}}, {"TimeMasking": {"time_mask_param": 20}}]
    )
    assert augment("image", "partner") == ("image", "partner")
    rows = Dataset.from_dict({"image_embeds": [[1.0]] * 4, "input_features": np.ones((4, 3, 128, 204), np.float32)})
    pairs = {"clips": Pairs("audio", rows.with_format("numpy"), augment=augment)}
    batch = PairCollator(processor=None, pairs=pairs)(
        PairDataset(pairs).__getitems__([(0, i, i, 5) for i in range(4)])
    )
    assert batch.keys() == {"image_embeds", "input_features"}
    masked = batch["input_features"]
    assert masked.shape == (4, 3, 128, 204) and not masked[0].equal(masked[1])
    is_zero = masked == 0
    rows, columns = is_zero.all(dim=-1).sum(dim=-1), is_zero.all(dim=-2).sum(dim=-1)
    assert ((rows <= 12) & (columns <= 20)).all() and is_zero.any()


def test_partner_transforms_change_only_the_partner():
    image, partner = Augmentation(partner=[{"CenterCrop": {"size": 20}}])(IMAGE, RAMP)
    assert image is IMAGE and np.array_equal(partner[0].numpy(), RAMP[20:40, 30:50])


def test_nested_transforms():
    turn = {"RandomApply": {"transforms": [{"RandomRotation": {"degrees": [90, 90]}}], "p": 0.5}}
    values = torch.arange(16).reshape(1, 4, 4)
    turned = torch.rot90(values, dims=(1, 2))
    seen = [Augmentation(partner=[turn])(None, values)[1] for _ in range(40)]
    count = sum(torch.equal(each, turned) for each in seen)
    assert 0 < count < 40 and all(torch.equal(each, turned) or torch.equal(each, values) for each in seen)


def test_split_for_the_embedding_cache():
    parts = [[{"RandAugment": {}}], [{"RandomCrop": {"size": 4}}], [{"RandomErasing": {}}]]
    images, partners = Augmentation((), *parts).split()
    assert images.image is not None and images.joint is images.partner is images.features is None
    assert partners.joint is partners.image is None and partners.partner is not None and partners.features is not None
    # A partner that is cropped with its image is preprocessed before the rest is applied.
    images, partners = Augmentation(GEOMETRY, *parts).split()
    assert images.joint is not None and images.image is not None and images.partner is not None
    assert partners.joint is partners.image is partners.partner is None and partners.features is not None
    assert Augmentation().split() == (None, None)


@pytest.mark.parametrize(
    "transforms, message",
    [
        (
            [{"RandomAfine": {}}],
            "Neither torchvision nor torchaudio has a transform 'RandomAfine'. Did you mean 'RandomAffine'",
        ),
        ([{"FrequencyMask": {}}], "Did you mean 'FrequencyMasking'"),
        ([{"RandomAffine": {"turn": 1}}], "RandomAffine: .*turn"),
        (
            [{"RandomApply": {"transforms": [{"RandomAfine": {}}]}}],
            "a transform 'RandomAfine'. Did you mean 'RandomAffine'",
        ),
        (["RandomAffine"], "Expected a transform as {name: arguments}, but got 'RandomAffine'"),
    ],
)
def test_invalid_transforms(transforms, message):
    for part in ("joint", "image", "partner", "features"):
        with pytest.raises(ValueError, match=message):
            Augmentation(**{part: transforms})


NOISE = [{"RandomHorizontalFlip": {}}, {"GaussianNoise": {"sigma": 0.5, "clip": False}}]


@pytest.mark.parametrize("is_stream", [False, True])
@pytest.mark.parametrize("workers", [0, 2])
def test_resume_is_exact_with_augmentation(tmp_path, workers, is_stream):
    rows = make_pairs("pixel_values_depth", (1, 32, 32))
    if is_stream:
        rows = rows.with_format("numpy").to_iterable_dataset(num_shards=2)
    joint = [{"RandomHorizontalFlip": {}}]
    augment = Augmentation(joint, NOISE, features=[{"RandomErasing": {"p": 1.0, "scale": [0.3, 0.6]}}])

    def trainer(**arguments):
        pairs = {"depth": Pairs("depth", rows, augment=augment)}
        arguments |= {"max_steps": 7, "dataloader_num_workers": workers, "stream_buffer_size": 8}
        return make_trainer(tmp_path, pairs, dataloader_persistent_workers=workers > 0, **arguments)

    whole = trainer(save_strategy="steps", save_steps=2)
    whole.train()
    for step in (2, 4):
        again = trainer()
        again.train(resume_from_checkpoint=str(tmp_path / f"checkpoint-{step}"))
        losses = [[entry["loss"] for entry in each.state.log_history if "loss" in entry] for each in (whole, again)]
        assert losses[0] == losses[1] and len(losses[0]) == 7
        assert all(
            torch.equal(value, again.model.state_dict()[name]) for name, value in whole.model.state_dict().items()
        )


@pytest.mark.parametrize("workers", [0, 2])
def test_augmentation_differs_by_epoch_batch_and_side(tmp_path, workers):
    noise = [{"GaussianNoise": {"sigma": 1.0, "clip": False}}]
    pixels = Dataset.from_dict(
        {"pixel_values": np.zeros((16, 3, 32, 32), np.float32), "imu_values": np.zeros((16, 6, 200))}
    )
    pairs = {"imu": Pairs("imu", pixels.with_format("torch"), augment=Augmentation(image=noise, features=noise))}
    trainer = make_trainer(tmp_path, pairs, dataloader_num_workers=workers, dataloader_persistent_workers=workers > 0)
    loader = trainer.get_train_dataloader()
    seen = []
    for epoch in (0, 1, 0):
        loader.set_epoch(epoch)
        seen.append([(batch["pixel_values"][:, 0, 0, :8], batch["imu_values"][:, 0, :8]) for batch in loader])
    first, second, again = (torch.cat([part for batch in epoch for part in batch]) for epoch in seen)
    assert first.equal(again), "it depends on the seed and the epoch only"
    assert len(torch.cat([first, second]).unique()) > 0.99 * 2 * first.numel(), "random numbers are not repeated"
