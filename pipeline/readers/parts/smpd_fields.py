"""Names of SMPD's files and fields, in all releases, and our columns."""

TABLES = {
    "category.json": {"Category": "category", "Subcategory": "subcategory", "Concept": "concept"},
    "text.json": {"Title": "title", "Mediatype": "media_type", "Alltags": "tags"},
    "temporalspatial_information.json": {
        "Postdate": "posted_at",
        "Latitude": "latitude",
        "Longitude": "longitude",
        "Geoaccuracy": "geo_accuracy",
    },
    "additional_information.json": {
        "Pathalias": "path_alias",
        "Ispublic": "is_public",
        "Mediastatus": "media_status",
    },
    "user_data.json": {
        "ispro": "is_pro",
        "photo_count": "user_photos",
        "photo_firstdate": "first_photo_at",
        "photo_firstdatetaken": "first_photo_taken_at",
        "timezone_timezone_id": "timezone",
        "timezone_offset": "timezone_offset",
        "user_description": "user_description",
        "location_description": "user_location",
    },
}
"""File, without its prefix -> its field -> our column."""

PATHS = ("img_filepath.txt", "img.txt", "img_path.txt")
"""Names of the file of paths, without their prefix."""
CRAWLED = "user_additional.json"
"""What authors took from the users' own pages: no part of SMPD, and so not missed where it is not there."""
_COUNTS = {
    "followers": ("followers", "followerCount"),
    "following": ("following", "followingCount"),
    "user_views": ("views", "totalViews"),
    "user_tags": ("tags", "totalTags"),
    "user_faves": ("faves", "totalFaves"),
    "user_groups": ("groups", "inGroups", "totalInGroup"),
}
"""Our column -> its names in that file: those of DSN's Table 1, whose descriptions of followers and following are
swapped, and those that Flickr's pages have within."""
FIELDS = {field.lower(): column for fields in TABLES.values() for field, column in fields.items()}
"""Field of any release, in small letters -> our column."""
FIELDS |= {"timezone_id": "timezone", "tags": "tags"}


def fields_of(name: str) -> dict[str, str]:
    """Field, in small letters -> our column, for the file of that name, without its prefix."""
    if name != CRAWLED:
        return FIELDS
    return FIELDS | {field.lower(): column for column, fields in _COUNTS.items() for field in fields}
