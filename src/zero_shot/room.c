/* Placeholder so that the room can be configured before its first file is there. */
typedef int cclip_zero_shot_room_is_empty;
