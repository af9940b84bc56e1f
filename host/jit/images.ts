import type { KernelVersion } from '../profiles/profile.js';
import type { ImageMemory } from './image-memory.js';
import type { ImageSource } from './image-source.js';
import { type ImageOptions, PackImages } from './pack-images.js';
import { PageImages } from './page-images.js';

/** Where a kernel of this version puts its images: pages of their own in 5.5, shared packs later. */
export function imagesOf(
  version: KernelVersion,
  memory: ImageMemory,
  options: ImageOptions = {},
): ImageSource {
  return version === '5.5' ? new PageImages(memory, options) : new PackImages(memory, options);
}
