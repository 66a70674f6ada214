#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Makes people.mp4 and street.mp4 anew: make_media.sh VTEST.AVI (see ATTRIBUTION.md).
set -euo pipefail
[ $# -eq 1 ] || { echo "usage: make_media.sh VTEST.AVI" >&2; exit 2; }
footage=$(realpath "$1")
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

say() { # N TEXT
    espeak-ng -v en -s 150 -p 40 -w "$work/say$1.wav" "$2"
    sox "$work/say$1.wav" -r 48000 -c 1 "$work/voice$1.wav" gain -n -6
}
say 1 "Camera one, the courtyard. People are crossing from left to right."
say 2 "Two of them stop on the grass."
say 3 "Nothing unusual. This is a test of picture and sound."
sox -n -r 48000 -c 1 "$work/wind.wav" synth 14 brownnoise tremolo 0.3 60 lowpass 600 gain -24
sox -n -r 48000 -c 1 "$work/step.wav" synth 0.06 pinknoise fade l 0.002 0.06 0.05 lowpass 1800 gain -20 pad 0 0.47
sox "$work/step.wav" "$work/steps.wav" repeat 26 trim 0 14
sox -M "$work/wind.wav" "$work/steps.wav" "|sox $work/voice1.wav -p pad 0.5 0" "|sox $work/voice2.wav -p pad 5.6 0" \
    "|sox $work/voice3.wav -p pad 9 0" -c 1 "$work/people.wav" remix 1,2,3,4,5 trim 0 14 gain -n -3
ffmpeg -v error -y -ss 46 -t 14 -i "$footage" -i "$work/people.wav" -map 0:v -map 1:a -c:v libx264 -preset veryslow \
    -crf 29 -g 40 -pix_fmt yuv420p -c:a aac -b:a 48k -ac 1 -movflags +faststart -map_metadata -1 people.mp4

note() { # FREQUENCY SECONDS
    sox -n -r 48000 -c 1 -p synth "$2" pluck "$1" fade t 0.005 "$2" 0.05 gain -9
}
tune=(392 0.4 440 0.2 494 0.4 587 0.4 494 0.2 440 0.4 392 0.5 330 0.4 392 0.2 440 0.4 392 0.5 294 0.5 392 0.5)
parts=()
for ((i = 0; i < ${#tune[@]}; i += 2)); do
    note "${tune[i]}" "${tune[i + 1]}" >"$work/note$i.sox"
    parts+=(-t sox "$work/note$i.sox")
done
sox "${parts[@]}" "$work/phrase.wav"
sox "$work/phrase.wav" "$work/street.wav" repeat 2 trim 0 10 fade t 0 10 0.1
python3 make_street.py | ffmpeg -v error -y -f rawvideo -pix_fmt rgb24 -s 640x360 -r 30 -i - -i "$work/street.wav" \
    -c:v libx264 -preset veryslow -crf 27 -g 60 -pix_fmt yuv420p -c:a aac -b:a 64k -ac 1 -movflags +faststart \
    -map_metadata -1 -shortest street.mp4
ls -l people.mp4 street.mp4
