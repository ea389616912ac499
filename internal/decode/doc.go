// Package decode decodes pictures fully, to find those that begin and end as
// they should and are damaged in between.
//
// The decoding happens in worker processes of package process, with a limit
// on memory and time: a picture that makes a decoder crash, loop or swell
// fails, with the reason, and nothing else is harmed. Pictures that claim
// more pixels than allowed are refused before they are decoded.
//
// Start with [New] and [Decoder.Check], or [Decoder.All] for many pictures.
// The program must call process.Init first thing, and nothing is started
// before the first picture. A Decoder is safe for concurrent use.
//
// JPEG, PNG, GIF, WebP, BMP and TIFF are decoded, by Go's own decoders; of GIF
// and WebP every frame, of the others the first picture. [Decodes] tells. Of
// these too some kinds are beyond the decoders, such as JPEG with arithmetic
// coding; they are reported as [Result.Beyond], and are no failure.
package decode
